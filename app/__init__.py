"""The dashboard: checkpoints side by side in the browser, served with streamlit."""
