(ns hello.core
  (:require [ring.adapter.jetty :refer [run-jetty]])
  (:gen-class))

(defn handler [_]
  {:status 200 :headers {"Content-Type" "text/plain"} :body "Hello from Clojure"})

(defn -main [& _]
  (run-jetty handler {:port (Integer/parseInt (or (System/getenv "PORT") "3000"))}))
