import { registerRootComponent } from "expo";
import { Text, View } from "react-native";

function App() {
  return (
    <View>
      <Text>Hello from Expo</Text>
    </View>
  );
}

registerRootComponent(App);
