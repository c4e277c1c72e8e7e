/* What gwfollow's pages do in the browser: wear Airflow's colours, keep live parts fresh, open links in the window around the frame, and
   send the few requests that change something.  Nothing else is needed, so no library is. */
"use strict";

/** The document of Airflow around this frame; null where the page stands alone. */
const around = (() => {
  try { return window.parent !== window ? window.parent.document : null; } catch { return null; }
})();

// ---- Airflow's theme ------------------------------------------------------------------------------------------------------
function wearTheme() {
  const root = document.documentElement;
  if (!around) return;
  root.dataset.theme = around.documentElement.classList.contains("dark") ? "dark" : "light";
  for (let box = window.frameElement; box; box = box.parentElement) {
    const colour = window.parent.getComputedStyle(box).backgroundColor;
    if (colour === "rgba(0, 0, 0, 0)" || colour === "transparent") continue;
    root.style.setProperty("--page", colour);
    break;
  }
}
wearTheme();
if (around) new MutationObserver(wearTheme).observe(around.documentElement, { attributes: true, attributeFilter: ["class", "data-theme"] });

// ---- links out of the frame -------------------------------------------------------------------------------------------------
/** The frame's sandbox lets nothing out: the window around it follows the link, as one of its own. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-top]");
  if (!link || !around || event.defaultPrevented) return;
  event.preventDefault();
  const own = around.createElement("a");
  own.href = link.href;
  own.rel = "noopener noreferrer";
  if (link.dataset.top === "new" || event.ctrlKey || event.metaKey || event.shiftKey) own.target = "_blank";
  around.body.append(own);
  own.click();
  own.remove();
});

// ---- live parts -------------------------------------------------------------------------------------------------------------
const SLOWEST = 60; // seconds between two questions to a server that does not answer
let etag = null;

function tell(words) {
  const place = document.getElementById("stale");
  if (place.textContent !== words) place.textContent = words;
  place.hidden = !words;
}

/** Put the new state of the live parts in the place of the old one; what a person has opened, chosen or scrolled stays. */
function refresh(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(old.id);
    if (!now || now.isEqualNode(old)) continue;
    const focused = old.contains(document.activeElement) ? keyOf(document.activeElement, old) : null;
    const scrolled = [...old.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    for (const box of old.querySelectorAll("details[open][id]")) now.querySelector("#" + CSS.escape(box.id))?.setAttribute("open", "");
    const taken = document.adoptNode(now);
    old.replaceWith(taken);
    [...taken.querySelectorAll(".scroll")].forEach((box, n) => { box.scrollLeft = scrolled[n] ?? 0; });
    if (focused) elementOf(focused, taken)?.focus({ preventScroll: true });
  }
}
const keyOf = (element, within) => ({ href: element.getAttribute("href"), place: [...within.querySelectorAll("a, [tabindex]")].indexOf(element) });
const elementOf = (key, within) =>
  (key.href && within.querySelector(`a[href="${CSS.escape(key.href)}"]`)) || within.querySelectorAll("a, [tabindex]")[key.place];

async function ask() {
  const answer = await fetch(location.href, { headers: etag ? { "If-None-Match": etag } : {}, credentials: "same-origin" });
  if (answer.status === 401 || answer.status === 403) throw new Error("You are no longer logged in: load the page again.");
  if (answer.status !== 304) {
    if (!answer.ok) throw new Error(`Airflow answers ${answer.status}; what you see may be old.`);
    etag = answer.headers.get("ETag");
    refresh(await answer.text());
  }
}

async function poll(seconds, pause) {
  await new Promise((go) => setTimeout(go, pause * 1000));
  let next = seconds;
  if (!document.hidden) {
    try {
      await ask();
      tell("");
    } catch (error) {
      next = Math.min(SLOWEST, pause * 2);
      tell(error instanceof TypeError ? "Airflow does not answer; what you see may be old." : error.message);
    }
  }
  poll(seconds, next);
}

// ---- requests that change something -------------------------------------------------------------------------------------------
async function send(button) {
  const said = button.closest("dialog").querySelector("[data-answer]");
  const dialog = button.closest("dialog");
  const steers = button.dataset.verb ? { verb: button.dataset.verb, attempt: Number(dialog.dataset.attempt), why: dialog.querySelector("[name=why]").value } : null;
  const headers = { "X-GWFollow": "1", ...(steers && { "Content-Type": "application/json" }) };
  button.disabled = true;
  said.textContent = "";
  try {
    const answer = await fetch(button.dataset.post, { method: "POST", headers, body: steers && JSON.stringify(steers), credentials: "same-origin" });
    const words = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(typeof words.detail === "string" ? words.detail : `Airflow answers ${answer.status}.`);
    said.textContent = words.text;
    button.hidden = true;
    dialog.querySelector("[data-verbs]")?.replaceChildren(); // what is legal now is another thing
    dialog.querySelector("label")?.toggleAttribute("hidden", true);
    dialog.querySelector("[data-close]").textContent = "Close";
    if (document.body.dataset.poll) ask().catch(() => {});
  } catch (error) {
    said.textContent = error instanceof TypeError ? "Airflow does not answer: nothing is known to have happened." : error.message;
    button.disabled = false;
  }
}

/** One dialog for all analyses, outside of the live parts: what a person types survives the next look. */
function openSteering(button) {
  const about = JSON.parse(button.dataset.steer), dialog = document.getElementById("steer");
  document.getElementById("steer-title").textContent = about.name;
  dialog.querySelector("[data-about]").textContent = `is ${about.status}` + (about.attempt ? `, attempt ${about.attempt}` : "");
  dialog.dataset.attempt = about.attempt;
  dialog.querySelector("[data-answer]").textContent = "";
  dialog.querySelector("[data-close]").textContent = "Cancel";
  dialog.querySelector("[name=why]").value = "";
  dialog.querySelector("label").hidden = false;
  dialog.querySelector("[data-verbs]").replaceChildren(...about.offers.map(([verb, words, help]) => {
    const line = document.createElement("li"), act = document.createElement("button"), note = document.createElement("span");
    Object.assign(act, { type: "button", textContent: words });
    Object.assign(act.dataset, { post: button.dataset.to, verb });
    Object.assign(note, { className: "note", textContent: help });
    line.append(act, note);
    return line;
  }));
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.steer) openSteering(button);
  if (button.dataset.dialog) document.getElementById(button.dataset.dialog).showModal();
  if ("close" in button.dataset) button.closest("dialog").close();
  if (button.dataset.post) send(button);
});

document.addEventListener("DOMContentLoaded", () => {
  const seconds = Number(document.body.dataset.poll || 0);
  if (seconds > 0) poll(seconds, seconds);
});
