export default {
  title: "Button",
  render: ({ label }) => `<button type="button">${label}</button>`,
};

export const Primary = { args: { label: "Hello from Storybook" } };
