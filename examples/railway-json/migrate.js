console.log("Nothing to migrate yet.");
