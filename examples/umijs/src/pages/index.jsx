export default function HomePage() {
  return <h1>Hello from UmiJS</h1>;
}
