(defproject hello "1.0.0"
  :dependencies [[org.clojure/clojure "1.12.2"]
                 [ring/ring-core "1.14.2"]
                 [ring/ring-jetty-adapter "1.14.2"]]
  :main ^:skip-aot hello.core
  :profiles {:uberjar {:aot :all}})
