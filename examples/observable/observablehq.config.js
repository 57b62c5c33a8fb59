export default { title: "Observable Framework example", root: "src" };
