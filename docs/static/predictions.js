// Predictions as cards: choosing an answer uncovers what follows, and is counted.
(() => {
  const cards = [...document.querySelectorAll(".prediction")];
  const score = document.querySelector(".prediction-score");
  const closed = cards.filter((card) => card.dataset.right !== "0");
  let right = 0;

  // The cells of slides that a card covers, up to the next card. On a page, its style sheet uncovers.
  const covers = (card) => {
    const next = cards[cards.indexOf(card) + 1];
    const isBehind = (one, other) => one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING;
    return [...document.querySelectorAll(".celltag_prediction-covered")].filter(
      (piece) => isBehind(card, piece) && !(next && isBehind(next, piece)),
    );
  };

  const tellScore = () => {
    if (!score) return;
    const words = { right, all: closed.length };
    score.textContent = score.dataset.said.replace(/{(\w+)}/g, (_, name) => words[name]);
  };

  for (const card of cards) {
    const pieces = covers(card);
    const show = card.nextElementSibling;
    const told = card.querySelector(".prediction-told");
    const answers = card.dataset.right === "0" ? [] : [...card.querySelectorAll("ul > li")];
    const correct = answers[card.dataset.right - 1];
    const buttons = answers.map((answer) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...(answer.querySelector("p") ?? answer).childNodes);
      answer.replaceChildren(button);
      return button;
    });
    const said = correct?.textContent.trim();
    let isOpen = false;

    // What was told before keeps its place, so that nothing on the page moves.
    const tell = (seen, heard) => {
      const [line, rest] = [document.createElement("span"), document.createElement("span")];
      line.textContent = seen;
      rest.textContent = ` ${heard}`;
      rest.className = "visually-hidden";
      line.append(rest);
      told.append(line);
    };
    const uncover = () => {
      isOpen = true;
      show.open = true;
      for (const piece of pieces) {
        piece.classList.add("uncovered");
        piece.querySelector(".prediction-uncover")?.remove();
      }
      for (const button of buttons) button.ariaDisabled = "true"; // the focus stays where it is
      correct?.classList.add("right");
    };
    const choose = (button, answer) => {
      if (isOpen) return;
      const isRight = answer === correct;
      answer.classList.add("chosen");
      button.ariaPressed = "true";
      right += isRight;
      tell(isRight ? card.dataset.yes : card.dataset.no, isRight ? "" : card.dataset.is.replace("{answer}", said));
      uncover();
      tellScore();
    };
    buttons.forEach((button, i) => button.addEventListener("click", () => choose(button, answers[i])));
    // A slide that shows nothing but what is covered can be opened where it is.
    for (const piece of pieces) {
      const slide = piece.closest("section");
      if (slide.contains(card) || slide.querySelector(".prediction-uncover")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "prediction-uncover";
      button.textContent = show.textContent;
      button.addEventListener("click", () => (show.open = true));
      piece.append(button);
    }
    show.addEventListener("toggle", () => {
      if (!show.open || isOpen) return;
      tell("", "");
      uncover();
    });
  }
  tellScore();
})();
