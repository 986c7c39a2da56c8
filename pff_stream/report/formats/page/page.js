(() => {
  "use strict";
  const table = document.getElementById("table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const search = document.getElementById("search");
  const kind = document.getElementById("kind");
  const fresh = document.getElementById("new");
  const shown = document.getElementById("shown");
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, place) => {
      const fits = words.every((word) => texts[place].includes(word)) &&
        (!kind.value || row.dataset.kind === kind.value) &&
        (!fresh || !fresh.checked || row.classList.contains("new"));
      row.hidden = !fits;
      count += fits;
    });
    shown.textContent = count + " of " + rows.length;
  };
  const value = (row, column) => {
    const cell = row.cells[column];
    return "sort" in cell.dataset ? Number(cell.dataset.sort) : cell.textContent;
  };
  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    if (!head.hasAttribute("aria-sort")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of table.tHead.rows[0].cells) {
        if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      }
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      const order = rows.map((row, place) => [value(row, column), place]);
      order.sort((one, other) => one[0] < other[0] ? -sign : one[0] > other[0] ? sign : one[1] - other[1]);
      body.append(...order.map(([, place]) => rows[place]));
    });
  });
  for (const control of [search, kind, fresh]) {
    if (control) control.addEventListener("input", filter);
    if (control) control.addEventListener("change", filter);
  }
  search.form.addEventListener("submit", (event) => event.preventDefault());
  search.form.hidden = false;
  filter();
})();
