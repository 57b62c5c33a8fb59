export default function Home() {
  return <h1>Hello from Remix</h1>;
}
