export default async function HomePage() {
  return <h1>Hello from Waku</h1>;
}

export const getConfig = async () => ({ render: "dynamic" });
