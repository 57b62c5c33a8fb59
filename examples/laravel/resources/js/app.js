document.title = "Laravel example";
