export default { getRoutes: async () => [{ path: "/", template: "src/pages/index" }] };
