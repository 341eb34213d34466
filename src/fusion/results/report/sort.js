"use strict";
// A click on a header, or Enter or Space on it, sorts its table by that column: numbers by their value, before words;
// empty cells last, whichever way. What is equal keeps its order.
const words = new Intl.Collator("en", { numeric: true });

function compare(one, other, direction) {
  if (one.empty || other.empty) return one.empty - other.empty;
  if (one.key !== null && other.key !== null) return direction * (one.key - other.key);
  if ((one.key === null) !== (other.key === null)) return one.key === null ? 1 : -1;
  return direction * words.compare(one.text, other.text);
}

function read(row, column) {
  const cell = row.cells[column], text = cell.textContent.trim(), key = cell.dataset.key;
  return { row, text, key: key === undefined ? null : Number(key), empty: text === "" };
}

function sort(table, header) {
  const headers = [...table.tHead.rows[0].cells], column = headers.indexOf(header), body = table.tBodies[0];
  const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const each of headers) each.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  const rows = [...body.rows].map((row) => read(row, column));
  rows.sort((one, other) => compare(one, other, direction));
  body.append(...rows.map((each) => each.row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const header of table.tHead.rows[0].cells) header.addEventListener("click", () => sort(table, header));
}
