(use-modules (web server))

(define port (string->number (or (getenv "PORT") "8080")))

(run-server
 (lambda (request body)
   (values '((content-type . (text/plain))) "Hello from Scheme"))
 'http
 `(#:port ,port #:addr ,INADDR_ANY))
