// A filter above the ledger's cards: by words, all of which a card must hold, and by area.
addEventListener("DOMContentLoaded", () => {
  const areas = [...document.querySelectorAll("table.ledger")].map(table => {
    const heading = (table.closest(".md-typeset__scrollwrap") ?? table).previousElementSibling;
    return { table, heading, name: heading.firstChild.textContent, rows: [...table.tBodies[0].rows] };
  });
  if (!areas.length) return;
  const filter = document.createElement("form");
  filter.className = "ledger-filter";
  filter.innerHTML = `<label>Filter <input type="search" placeholder="Adam epsilon"></label>
    <label>Area <select><option value="">all</option></select></label><output></output>`;
  const [words, area, count] = filter.querySelectorAll("input, select, output");
  area.append(...areas.map(({ name }) => new Option(name, name)));
  areas[0].heading.before(filter);

  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0, all = 0;
    for (const { table, heading, name, rows } of areas) {
      const open = rows.filter(row => {
        const text = row.textContent.toLowerCase();
        row.hidden = (area.value && area.value !== name) || !wanted.every(word => text.includes(word));
        return !row.hidden;
      });
      table.hidden = heading.hidden = !open.length;
      shown += open.length;
      all += rows.length;
    }
    count.textContent = `${shown} of ${all}`;
  };
  filter.addEventListener("input", show);
  filter.addEventListener("submit", event => event.preventDefault());
  show();
});
