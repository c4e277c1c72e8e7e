// Search and sort for the list of events.  Without it the list is whole, in the order of the ledger.
"use strict";
(() => {
  const table = document.getElementById("events");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const find = document.getElementById("find");
  const which = document.getElementById("which");
  const count = document.getElementById("count");

  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const kinds = row.dataset.which.split(" ");
      row.hidden = !(words.every((word) => row.dataset.words.includes(word)) && (!which.value || kinds.includes(which.value)));
      if (!row.hidden) shown += 1;
    }
    count.textContent = shown + " of " + rows.length;
  }

  function sort(column, heading) {
    const down = heading.getAttribute("aria-sort") === "ascending";
    const key = (row) => row.cells[column].dataset.sort || row.cells[column].textContent.trim();
    const compare = new Intl.Collator("en", { numeric: true }).compare;
    rows.sort((a, b) => (down ? -1 : 1) * compare(key(a), key(b)));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  }

  Array.from(table.tHead.rows[0].cells).forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sort(column, heading));
    heading.replaceChildren(button);
  });
  find.addEventListener("input", filter);
  which.addEventListener("change", filter);
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("filters").hidden = false;
  filter();
})();
