// Light or dark: as the system has it until somebody chooses. A plain script in the head, so that nothing flashes.

(() => {
  const ROOT = document.documentElement;
  const isDark = () => getComputedStyle(ROOT).colorScheme === "dark" || (!ROOT.dataset.theme && dark.matches);
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function stored() {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  }

  function choose(theme) {
    ROOT.dataset.theme = theme;
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  }

  const before = stored();
  if (before === "light" || before === "dark") ROOT.dataset.theme = before;

  function label(button) {
    const text = isDark() ? "Light colours" : "Dark colours";
    button.title = text;
    button.setAttribute("aria-label", text);
  }

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    label(button);
    button.addEventListener("click", () => {
      choose(isDark() ? "light" : "dark");
      label(button);
    });
    dark.addEventListener("change", () => label(button));
  });
})();
