// Counts down to the moment at which an edition leaves. Seen every second, read out only now and then.
(() => {
  const start = () => {
    const clock = document.querySelector('[data-countdown]');
    const said = document.querySelector('[data-countdown-said]');
    if (!clock || !said) return;
    const end = performance.now() + Number(clock.dataset.countdown) * 1000;
    const words = (left) => (left < 120 ? `${left} s` : `${Math.ceil(left / 60)} minutes`);
    const tick = () => {
      const left = Math.max(Math.ceil((end - performance.now()) / 1000), 0);
      clock.textContent = left ? `It leaves in ${words(left)}` : 'It is leaving now';
      if (left === 10 || left === 60) said.textContent = `It leaves in ${left} seconds.`;
      if (left) setTimeout(tick, 1000 - ((performance.now() - end) % 1000 + 1000) % 1000 + 20);
      else {
        said.textContent = 'It is leaving now.';
        setTimeout(() => window.location.assign(clock.dataset.then), 2000);
      }
    };
    clock.hidden = false;
    tick();
  };
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
