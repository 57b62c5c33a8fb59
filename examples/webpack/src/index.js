const heading = document.createElement("h1");

heading.textContent = "Hello from webpack";
document.body.append(heading);
