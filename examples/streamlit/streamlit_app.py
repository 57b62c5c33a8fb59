"""A Streamlit app."""

import streamlit as st

st.title("Hello from Streamlit")
st.slider("A number", 0, 100)
