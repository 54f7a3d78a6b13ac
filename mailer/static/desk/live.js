// A page about something that moves looks again every few seconds, and changes only the parts marked data-live
// that have changed: focus, open details and the place on the page stay. Now and then it says aloud how far it is.
(() => {
  const marked = () => document.querySelector('[data-refresh]');
  const parts = (page) => [...page.querySelectorAll('[data-live][id]')];
  const ids = (page) => parts(page).map((part) => part.id).join();
  // A form's token is another one each time.
  const words = (part) => part.innerHTML.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, '');
  const tens = (page) => Math.floor((page.querySelector('progress') || { value: 0 }).value / 10);

  const change = (part, now) => {
    if (part.contains(document.activeElement) || words(part) === words(now)) return;
    const open = [...part.querySelectorAll('details')].map((one) => one.open);
    part.innerHTML = now.innerHTML;
    part.querySelectorAll('details').forEach((one, place) => { one.open = Boolean(open[place]); });
  };

  const show = (page) => {
    // Another sort of page: begun, or gone.
    if (ids(page) !== ids(document)) {
      window.location.reload();
      return;
    }
    const further = tens(page) !== tens(document) || Boolean(page.querySelector('[data-refresh]')) !== Boolean(marked());
    parts(document).forEach((part) => change(part, page.getElementById(part.id)));
    const [said, told] = ['[data-said]', '[data-say]'].map((mark) => document.querySelector(mark));
    if (further && said && told) said.textContent = told.textContent;
  };

  const look = async () => {
    try {
      const answer = document.hidden ? null : await fetch(window.location.href, { credentials: 'same-origin' });
      if (answer && answer.ok) show(new DOMParser().parseFromString(await answer.text(), 'text/html'));
    } catch (error) {
      // No network for a moment: the next look may have it again.
    }
    wait();
  };

  const wait = () => {
    const mark = marked();
    if (mark) setTimeout(look, Number(mark.dataset.refresh) * 1000);
  };

  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', wait);
  else wait();
})();
