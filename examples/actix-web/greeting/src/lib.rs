pub fn greeting() -> &'static str {
    "Hello from Actix Web"
}
