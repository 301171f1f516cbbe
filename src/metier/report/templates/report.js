// Sorts a table by the column whose heading is clicked; without scripts the tables stay as they were written.
document.querySelectorAll("table.sortable").forEach(function (table) {
  var body = table.tBodies[0];
  function key(row, place) {
    var cell = row.cells[place], given = cell.getAttribute("data-sort"), text = given === null ? cell.textContent : given;
    var number = parseFloat(text.replace(/[,\s%]/g, "").replace("\u2212", "-"));
    return isNaN(number) ? text.trim().toLowerCase() : number;
  }
  function compare(a, b) {
    if (typeof a === typeof b) { return a < b ? -1 : a > b ? 1 : 0; }
    return typeof a === "number" ? -1 : 1;
  }
  Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, place) {
    if (head.classList.contains("strip")) { return; }
    var button = document.createElement("button");
    button.type = "button";
    while (head.firstChild) { button.appendChild(head.firstChild); }
    head.appendChild(button);
    button.addEventListener("click", function () {
      var down = head.getAttribute("aria-sort") !== "descending";
      if (!head.classList.contains("figure")) { down = head.getAttribute("aria-sort") === "ascending"; }
      Array.prototype.forEach.call(table.tHead.rows[0].cells, function (each) { each.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      var rows = Array.prototype.filter.call(body.rows, function (row) { return !row.classList.contains("absent"); });
      rows.sort(function (one, other) { return (down ? -1 : 1) * compare(key(one, place), key(other, place)); });
      rows.reverse().forEach(function (row) { body.insertBefore(row, body.firstChild); });
    });
  });
});
