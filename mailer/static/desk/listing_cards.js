// On a phone each row of a Wagtail table is a card (desk.css): its cells get the headings of their columns, and every
// part keeps its role, which another display would take from it.
(() => {
  const roles = { thead: 'rowgroup', tbody: 'rowgroup', tr: 'row', th: 'columnheader', td: 'cell' };
  const label = (table) => {
    const headings = [...table.querySelectorAll('thead th')].map((heading) => heading.textContent.replace(/\s+/g, ' ').trim());
    table.setAttribute('role', 'table');
    Object.entries(roles).forEach(([tag, role]) => {
      table.querySelectorAll(tag).forEach((part) => part.hasAttribute('role') || part.setAttribute('role', role));
    });
    table.querySelectorAll('tbody tr').forEach((row) => [...row.cells].forEach((cell, place) => {
      if (cell.textContent.trim() && headings[place] && !cell.classList.contains('title')) cell.dataset.label = headings[place];
    }));
    table.dataset.cards = '';
  };
  const labelAll = () => document.querySelectorAll('table.listing:not([data-cards])').forEach(label);
  const start = () => {
    labelAll();
    const results = document.getElementById('listing-results');
    // A filter replaces the table.
    if (results) new MutationObserver(labelAll).observe(results, { childList: true, subtree: true });
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
