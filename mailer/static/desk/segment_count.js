// Updates the number of matching subscribers when the form changes. Without JavaScript there is a button.
(() => {
  const form = document.querySelector('form[data-count]');
  if (!form) return;
  const target = form.dataset.count;
  let timer = 0;
  let latest = 0;

  const count = async () => {
    const request = (latest += 1);
    const data = new FormData(form);
    data.set('action', 'count');
    const section = document.getElementById(target);
    section.setAttribute('aria-busy', 'true');
    try {
      const response = await fetch(window.location.href, { method: 'POST', body: data, credentials: 'same-origin' });
      if (!response.ok || request !== latest) return;
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      section.innerHTML = page.getElementById(target).innerHTML;
    } catch (error) {
      // Network error: the button still works.
    } finally {
      section.removeAttribute('aria-busy');
    }
  };

  form.addEventListener('input', (event) => {
    // A condition that is not added yet is not part of the rule.
    if (event.target.name.endsWith('-new') || event.target.name === 'name') return;
    window.clearTimeout(timer);
    timer = window.setTimeout(count, 500);
  });
})();
