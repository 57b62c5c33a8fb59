import { Money } from "@shopify/hydrogen";

export default function Home() {
  return (
    <h1>
      Hello from Hydrogen: <Money data={{ amount: "9.99", currencyCode: "USD" }} />
    </h1>
  );
}
