export default function Home() {
  return <h1>Hello from Blitz</h1>;
}
