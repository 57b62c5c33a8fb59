"""A page with one field, served by Gradio."""

import gradio


def greet(name: str) -> str:
    return f"Hello {name}"


page = gradio.Interface(greet, "text", "text", title="Gradio example")

if __name__ == "__main__":
    page.launch()
