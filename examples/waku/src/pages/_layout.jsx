export default function RootLayout({ children }) {
  return <main>{children}</main>;
}

export const getConfig = async () => ({ render: "static" });
