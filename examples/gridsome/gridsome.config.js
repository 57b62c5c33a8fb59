module.exports = { siteName: "Gridsome example", plugins: [] };
