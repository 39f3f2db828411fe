// Wordings: what a caller would read, and what it costs, while it is typed. Without this the button says the same.
for (const form of document.querySelectorAll("form.wording")) {
  const text = form.elements.namedItem("text");
  const shown = form.querySelector(".preview");
  let timer = 0;
  let asked = 0;
  const look = async () => {
    const mine = ++asked;
    try {
      const answer = await fetch(form.action.split("#")[0], {
        method: "POST",
        headers: { "X-Textback": "fragment" },
        body: new URLSearchParams({ text: text.value, do: "preview" }),
      });
      const html = await answer.text();
      // an answer that was overtaken is about other words
      if (answer.ok && mine === asked) shown.innerHTML = html;
    } catch {
      // no connection: the words stay, and the button tells
    }
  };
  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, 300);
  });
}
