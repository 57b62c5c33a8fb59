export default function App() {
  return <h1>Hello from Preact</h1>;
}
