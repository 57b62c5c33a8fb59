export default function Page() {
  return <h1>{process.env.NEXT_PUBLIC_GREETING ?? "Hello from Next.js"}</h1>;
}
