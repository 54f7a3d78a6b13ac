// Counts down to the start of sending. Updates every second; screen readers announce it only now and then.
(() => {
  const start = () => {
    const clock = document.querySelector('[data-countdown]');
    const announcer = document.querySelector('[data-countdown-announcer]');
    if (!clock || !announcer) return;
    const end = performance.now() + Number(clock.dataset.countdown) * 1000;
    const { starts, now, seconds, minutes, then } = clock.dataset;
    const format = (left) => (left < 120 ? `${left} ${seconds}` : `${Math.ceil(left / 60)} ${minutes}`);
    const tick = () => {
      const left = Math.max(Math.ceil((end - performance.now()) / 1000), 0);
      clock.textContent = left ? `${starts} ${format(left)}` : now;
      if (left === 10 || left === 60) announcer.textContent = `${starts} ${format(left)}.`;
      if (left) setTimeout(tick, 1000 - ((performance.now() - end) % 1000 + 1000) % 1000 + 20);
      else {
        announcer.textContent = now;
        setTimeout(() => window.location.assign(then), 2000);
      }
    };
    clock.hidden = false;
    tick();
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
