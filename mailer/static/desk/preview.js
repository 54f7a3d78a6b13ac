// Keeps the chosen countries of the live preview in a cookie, so that refreshing the panel shows the same ones.
(() => {
  const form = document.querySelector('form[data-countries]');
  if (!form) return;
  form.addEventListener('change', () => {
    const chosen = [...form.querySelectorAll('input:checked')].map((box) => box.value);
    const secure = window.location.protocol === 'https:' ? '; secure' : '';
    document.cookie = `${form.dataset.countries}=${chosen.join('.')}; path=/desk/; samesite=lax${secure}`;
    window.location.reload();
  });
})();
