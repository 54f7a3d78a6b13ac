// A form that says how many fit is counted again whenever somebody changes it; without scripts there is a button.
(() => {
  const form = document.querySelector('form[data-counted]');
  if (!form) return;
  const place = form.dataset.counted;
  let waiting = 0;
  let latest = 0;

  const count = async () => {
    const turn = (latest += 1);
    const data = new FormData(form);
    data.set('press', 'count');
    const part = document.getElementById(place);
    part.setAttribute('aria-busy', 'true');
    try {
      const answer = await fetch(window.location.href, { method: 'POST', body: data, credentials: 'same-origin' });
      if (!answer.ok || turn !== latest) return;
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      part.innerHTML = page.getElementById(place).innerHTML;
    } catch (error) {
      // No network for a moment: the button is still there.
    } finally {
      part.removeAttribute('aria-busy');
    }
  };

  form.addEventListener('input', (event) => {
    // What is to be added is no part of the rule yet.
    if (event.target.name.endsWith('-new') || event.target.name === 'name') return;
    window.clearTimeout(waiting);
    waiting = window.setTimeout(count, 500);
  });
})();
