"""Few labels with SetFit: contrastive fine-tuning on pairs, then a logistic regression; options: `num_iterations`."""

from benchmarks.peers.task import Meter, Task, answer, read

TASK = Task.asked()

import datasets  # noqa: E402
import setfit  # noqa: E402
import torch  # noqa: E402

datasets.disable_progress_bars()


def main() -> None:
    """Train, score, print."""
    torch.set_num_threads(TASK.threads)
    texts, labels = read(TASK.train)
    model = setfit.SetFitModel.from_pretrained(str(TASK.base), labels=sorted(set(labels)))
    meter = Meter()
    meter.go()
    trainer = setfit.Trainer(
        model=model,
        args=setfit.TrainingArguments(
            batch_size=16,
            num_epochs=TASK.epochs,
            num_iterations=TASK.options["num_iterations"],
            seed=TASK.seed,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            show_progress_bar=False,
        ),
        train_dataset=datasets.Dataset.from_dict({"text": texts, "label": labels}),
    )
    trainer.train()
    answer(TASK, meter, model.predict, examples=len(texts), packages=("torch", "setfit"))


if __name__ == "__main__":
    main()
