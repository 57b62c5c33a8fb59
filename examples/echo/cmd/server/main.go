package main

import (
	"net/http"
	"os"

	"github.com/labstack/echo/v4"
)

func main() {
	server := echo.New()
	server.GET("/", func(context echo.Context) error {
		return context.String(http.StatusOK, "Hello from Echo")
	})
	server.Logger.Fatal(server.Start(":" + os.Getenv("PORT")))
}
