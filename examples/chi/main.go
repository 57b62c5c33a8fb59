package main

import (
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	router := chi.NewRouter()
	router.Use(middleware.Logger)
	router.Get("/", func(response http.ResponseWriter, request *http.Request) {
		response.Write([]byte("Hello from chi"))
	})
	http.ListenAndServe(":"+os.Getenv("PORT"), router)
}
