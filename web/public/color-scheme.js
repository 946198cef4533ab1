/* global window, document */
// Runs before the first paint, so that a dark page is never white for a moment. A file of its own: the page's
// policy allows no inline script.
(function () {
  var chosen = null;
  try {
    chosen = window.localStorage.getItem('jane-traits-color-scheme');
  } catch {
    // Storage may be switched off: the system decides.
  }
  var dark = chosen === 'dark' || (chosen !== 'light' && window.matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
