const express = require("express");

const app = express();
app.get("/", (request, response) => {
  response.send(`<h1>${process.env.GREETING || "Hello from Express"}</h1>`);
});
app.listen(process.env.PORT || 3000);
