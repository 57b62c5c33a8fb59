lazy val root = (project in file("."))
  .enablePlugins(JavaAppPackaging)
  .settings(
    name := "hello",
    version := "1.0.0",
    scalaVersion := "3.3.6"
  )
