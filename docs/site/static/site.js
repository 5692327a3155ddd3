// What the theme leaves out: code that scrolls can be reached by keyboard, and a screen reader can tell the parts of a page apart.
for (const code of document.querySelectorAll(".highlight > pre")) code.tabIndex = 0;
for (const caption of document.querySelectorAll(".caption[role=heading]")) caption.ariaLevel = "2";
document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "Pages");
document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
