import React, { Suspense } from "react";
import { Root, Routes } from "react-static";

export default function App() {
  return (
    <Root>
      <Suspense fallback={null}>
        <Routes path="*" />
      </Suspense>
    </Root>
  );
}
