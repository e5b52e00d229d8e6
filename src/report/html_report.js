"use strict";

// Sorting by a click on a column's head, ascending and descending in turn.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const isNumber = head.classList.contains("number");
      const before = head.getAttribute("aria-sort");
      const sign = before === null ? (isNumber ? -1 : 1) : before === "ascending" ? -1 : 1;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const order = (row) => Number(row.cells[column].dataset.order);
      const text = (row) => row.cells[column].textContent;
      const compare = isNumber
        ? (a, b) => order(a) - order(b)
        : (a, b) => text(a).localeCompare(text(b), "en", { numeric: true });
      const isBlank = (row) => text(row) === "";
      const blankLast = (a, b) => isBlank(a) - isBlank(b) || sign * compare(a, b) || 0;
      body.append(...[...body.rows].sort(blankLast));
    });
  });
}

// Searching: a row is shown where every word stands in it.
const search = document.getElementById("search");
if (search) {
  const rows = [...document.querySelectorAll("#layers tbody tr")];
  const found = document.getElementById("found");
  search.closest("p").hidden = false;
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) count++;
    }
    found.textContent = search.value ? `${count} of ${rows.length}` : "";
  });
}

// What a screen reader says of a mark is what the pointer shows.
for (const mark of document.querySelectorAll("figure [aria-roledescription][aria-label]")) {
  if (mark.tagName === "g") continue;
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = mark.getAttribute("aria-label");
  mark.append(title);
}
