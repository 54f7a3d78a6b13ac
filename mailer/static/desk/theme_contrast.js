// Says below the colours of a newsletter's theme which texts have too little contrast (WCAG 2.2, "contrast ratio").
(() => {
  const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => [0.2126, 0.7152, 0.0722]
    .reduce((sum, weight, place) => sum + weight * channel(parseInt(colour.slice(1 + 2 * place, 3 + 2 * place), 16) / 255), 0);
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };

  const check = (theme) => {
    const input = (token) => theme.querySelector(`[data-token="${token}"]`);
    const name = (token) => input(token).labels[0].textContent.trim();
    const low = [];
    ['', 'dark_'].forEach((prefix) => theme.dataset.pairs.trim().split(/\s+/).forEach((pair) => {
      const [front, back] = pair.split(':').map((token) => prefix + token);
      const found = ratio(input(front).value, input(back).value);
      if (found < Number(theme.dataset.themeContrast)) low.push(`${name(front)} / ${name(back)} ${found.toFixed(1)}:1`);
    }));
    const result = theme.querySelector('.desk-theme__result');
    result.textContent = low.length ? `${theme.dataset.low} ${low.join(' · ')}` : theme.dataset.good;
    result.classList.toggle('is-low', low.length > 0);
  };

  document.addEventListener('input', (event) => {
    const theme = event.target.closest('[data-theme-contrast]');
    if (theme) check(theme);
  });
})();
