document.addEventListener("DOMContentLoaded", () => {
  document.body.append("Hello from Brunch");
});
