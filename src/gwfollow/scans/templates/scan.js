// Search and sort of the channels, and a look at the newer page while the scan runs.  What a person has chosen stands in the
// address, so that it outlives the next look.
"use strict";
(() => {
  const wait = Number(document.body.dataset.refresh || 0);
  const written = document.getElementById("written");
  if (wait) {
    const age = (Date.now() - Date.parse(written.dateTime)) / 1000;
    if (age > Number(document.body.dataset.silent)) {
      const state = document.getElementById("state");
      state.classList.replace("new", "warn");
      state.append(" Nothing new for " + Math.floor(age / 60) + " minutes: its job may have ended before its time.");
    }
    setTimeout(() => location.reload(), wait * 1000);
  }

  const table = document.getElementById("channels");
  if (!table) return;
  const body = table.tBodies[0], heads = Array.from(table.tHead.rows[0].cells), rows = Array.from(body.rows);
  const find = document.getElementById("find"), block = document.getElementById("block"), which = document.getElementById("which");
  const count = document.getElementById("count"), last = heads.length - 1;
  const chosen = { column: 0, down: false };
  const names = rows.map((row) => row.cells[1].textContent.toLowerCase());
  const blocks = rows.map((row) => row.cells[last].textContent);

  function remember() {
    const said = new URLSearchParams({ find: find.value, block: block.value, which: which.value, by: chosen.column, down: chosen.down ? 1 : "" });
    try { history.replaceState(null, "", "#" + said); } catch { /* a browser that forbids it forgets at the next look */ }
  }

  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, n) => {
      row.hidden = !(words.every((word) => names[n].includes(word)) && (!block.value || blocks[n] === block.value) && (!which.value || "s" in row.dataset));
      shown += !row.hidden;
    });
    count.textContent = shown + " of " + rows.length;
  }

  function sort(column, down) {
    const compare = new Intl.Collator("en", { numeric: true }).compare;
    const numeric = heads[column].classList.contains("number");
    const keyed = rows.map((row) => ({ row, text: row.cells[column].textContent.trim() }));
    if (numeric) for (const one of keyed) one.value = one.text === "" ? NaN : parseFloat(one.text);
    keyed.sort((a, b) => {
      if (numeric) {
        if (isNaN(a.value) || isNaN(b.value)) return isNaN(a.value) - isNaN(b.value); // what says nothing stands last
        return (down ? -1 : 1) * (a.value - b.value);
      }
      return (down ? -1 : 1) * compare(a.text, b.text);
    });
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[column].setAttribute("aria-sort", down ? "descending" : "ascending");
    Object.assign(chosen, { column, down });
    body.append(...keyed.map((one) => one.row));
  }

  heads.forEach((head, column) => {
    if (column === 2) return; // figures have no order
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      const again = chosen.column === column;
      sort(column, again ? !chosen.down : "down" in head.dataset);
      remember();
    });
    head.replaceChildren(button);
  });
  for (const [field, kind] of [[find, "input"], [block, "change"], [which, "change"]])
    field.addEventListener(kind, () => { filter(); remember(); });
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("filters").hidden = false;

  const said = new URLSearchParams(location.hash.slice(1));
  for (const [field, name] of [[find, "find"], [block, "block"], [which, "which"]]) if (said.get(name)) field.value = said.get(name);
  const by = Number(said.get("by") || 0);
  if (heads[by] && (by || said.get("down"))) sort(by, Boolean(said.get("down")));
  filter();
})();
