// Adds comfort where scripts run; every page works without.
(() => {
  "use strict";

  // The start page: poll for progress while the page is visible, and announce only what is new.
  const progress = document.getElementById("demo-progress");
  const status = document.getElementById("demo-status");

  async function look() {
    if (document.hidden) return;
    const response = await fetch(progress.dataset.source, { headers: { Accept: "text/html" } });
    if (!response.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const words = fresh.querySelector("[data-status]").dataset.status;
    if (status.textContent !== words) status.textContent = words;
    const shape = (root) => root.textContent.replace(/\s+/g, " ");
    if (shape(fresh.body) === shape(progress)) return;
    const focused = document.activeElement?.id;
    progress.replaceChildren(...fresh.body.childNodes);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  if (progress && status) {
    setInterval(() => look().catch(() => {}), 2000);
    document.addEventListener("visibilitychange", () => look().catch(() => {}));
  }

  // A mail's page: the frame is as tall as the mail in it.
  const frame = document.querySelector(".demo-frame");
  function fit() {
    const page = frame.contentDocument?.documentElement;
    if (page) frame.style.height = `${page.scrollHeight}px`;
  }
  if (frame) {
    frame.addEventListener("load", fit);
    window.addEventListener("resize", fit);
    fit();
  }
})();
