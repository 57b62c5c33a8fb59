import "@ionic/react/css/core.css";
import { IonApp, IonContent, setupIonicReact } from "@ionic/react";
import { createRoot } from "react-dom/client";

setupIonicReact();

createRoot(document.getElementById("root")).render(
  <IonApp>
    <IonContent>
      <h1>Hello from Ionic</h1>
    </IonContent>
  </IonApp>,
);
