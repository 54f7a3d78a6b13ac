// Reloads a page with [data-refresh] every few seconds and replaces only the [data-live] parts that changed, so that
// focus, open details and scroll position stay. Announces progress to screen readers now and then.
(() => {
  const marked = () => document.querySelector('[data-refresh]');
  const parts = (page) => [...page.querySelectorAll('[data-live][id]')];
  const ids = (page) => parts(page).map((part) => part.id).join();
  // The CSRF token differs in every response.
  const content = (part) => part.innerHTML.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, '');
  const tens = (page) => Math.floor((page.querySelector('progress') || { value: 0 }).value / 10);

  // A part with the focus waits, unless it is the last refresh.
  const change = (part, now, last) => {
    const focused = part.contains(document.activeElement);
    if ((focused && !last) || content(part) === content(now)) return;
    const open = [...part.querySelectorAll('details')].map((one) => one.open);
    part.innerHTML = now.innerHTML;
    part.querySelectorAll('details').forEach((one, place) => { one.open = Boolean(open[place]); });
    if (!focused) return;
    part.tabIndex = -1;
    part.focus({ preventScroll: true });
  };

  const show = (page) => {
    // The page has other parts now, for example because sending has started.
    if (ids(page) !== ids(document)) {
      window.location.reload();
      return;
    }
    const progressed = tens(page) !== tens(document) || Boolean(page.querySelector('[data-refresh]')) !== Boolean(marked());
    const last = !page.querySelector('[data-refresh]');
    parts(document).forEach((part) => change(part, page.getElementById(part.id), last));
    const [announcer, source] = ['[data-announcer]', '[data-announce]'].map((mark) => document.querySelector(mark));
    if (progressed && announcer && source) announcer.textContent = source.textContent;
  };

  // Where refreshing keeps failing, the page says so and offers a link.
  let failures = 0;
  const report = () => {
    const notice = document.querySelector('[data-refresh-failed]');
    if (notice) notice.hidden = failures < 3;
  };

  const refresh = async () => {
    try {
      const response = document.hidden ? null : await fetch(window.location.href, { credentials: 'same-origin' });
      if (response && response.ok) show(new DOMParser().parseFromString(await response.text(), 'text/html'));
      failures = response && !response.ok ? failures + 1 : 0;
    } catch (error) {
      // Network error: the next refresh may succeed.
      failures += 1;
    }
    report();
    wait();
  };

  const wait = () => {
    const mark = marked();
    if (mark) setTimeout(refresh, Number(mark.dataset.refresh) * 1000);
  };

  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', wait);
  else wait();
})();
