// Loads slow parts after the page: an element with an id and [data-load-later] is replaced by the one with the same id
// on the page that the attribute names. Until then, and where that fails, it shows a link to that page.
(() => {
  const load = async (part) => {
    try {
      const response = await fetch(part.dataset.loadLater, { credentials: 'same-origin' });
      if (!response.ok) return;
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      const loaded = page.getElementById(part.id);
      if (!loaded || part.contains(document.activeElement)) return;
      part.replaceChildren(...loaded.childNodes);
    } catch (error) {
      // Network error: the link stays.
    }
  };
  const loadAll = () => document.querySelectorAll('[data-load-later]').forEach(load);

  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', loadAll);
  else loadAll();
})();
