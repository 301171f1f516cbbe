"""Fine-tuning with the Trainer of Hugging Face.

Options: `manner`: `tutorial`, every row padded to 128 tokens, float32, batches of 32, defaults; `best`, rows padded to
the longest of their batch, grouped by length, bfloat16. `evaluations`: how often an epoch validation is scored, outside
the time. `learning_rate`: the Trainer's own 5e-5 unless given.
"""

from benchmarks.peers.task import Meter, Task, accuracy, answer, read

TASK = Task.asked()

import torch  # noqa: E402
import transformers  # noqa: E402

PADDED_LENGTH, BATCH_ROWS = 128, 32


class Rows(torch.utils.data.Dataset):
    """Tokenised rows, one mapping a row."""

    def __init__(self, tokenizer, texts, targets, *, padded):
        how = {"padding": "max_length", "max_length": PADDED_LENGTH} if padded else {}
        self.encoded = tokenizer(texts, truncation=True, **how)
        self.targets = targets

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        row = {name: self.encoded[name][index] for name in ("input_ids", "attention_mask")}
        return {**row, "labels": self.targets[index]}


class Watch(transformers.TrainerCallback):
    """Score validation some times an epoch, with the clock stopped."""

    def __init__(self, meter, score, evaluations):
        self.meter, self.score, self.evaluations = meter, score, evaluations

    def on_step_end(self, args, state, control, **rest):
        """After a step: is it time to look?"""
        every = max(1, state.max_steps // int(args.num_train_epochs) // self.evaluations)
        if state.global_step % every == 0:
            self.meter.stop()
            self.meter.note(state.global_step * BATCH_ROWS, self.score(rest["model"]))
            self.meter.go()


def predict(model, tokenizer, texts):
    """Classes of texts, in batches of like length; bfloat16 as in answering anywhere else here."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    answers = [0] * len(texts)
    was_training = model.training
    model.eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            batch = tokenizer([texts[i] for i in rows], padding=True, truncation=True, return_tensors="pt")
            for row, best in zip(rows, model(**batch).logits.argmax(-1).tolist(), strict=True):
                answers[row] = best
    model.train(was_training)
    return answers


def main() -> None:
    """Train, score, print."""
    torch.set_num_threads(TASK.threads)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    transformers.set_seed(TASK.seed)
    texts, labels = read(TASK.train)
    classes = sorted(set(labels))
    tokenizer = transformers.AutoTokenizer.from_pretrained(TASK.base)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(TASK.base, num_labels=len(classes))
    best = TASK.options["manner"] == "best"
    padded = not best
    validation_texts, truth = read(TASK.validation)
    meter = Meter()

    def classes_of(model, texts):
        return [classes[i] for i in predict(model, tokenizer, texts)]

    callbacks = []
    if TASK.options.get("evaluations"):
        score = lambda model: accuracy(truth, classes_of(model, validation_texts))  # noqa: E731
        callbacks.append(Watch(meter, score, TASK.options["evaluations"]))
    meter.go()
    rows = Rows(tokenizer, texts, [classes.index(label) for label in labels], padded=padded)
    own = {"train_sampling_strategy": "group_by_length", "bf16": True} if best else {}
    trainer = transformers.Trainer(
        model=model,
        args=transformers.TrainingArguments(
            output_dir="unused",
            num_train_epochs=TASK.epochs,
            per_device_train_batch_size=BATCH_ROWS,
            learning_rate=TASK.options.get("learning_rate", 5e-5),
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            seed=TASK.seed,
            **own,
        ),
        train_dataset=rows,
        data_collator=None if padded else transformers.DataCollatorWithPadding(tokenizer),
        callbacks=callbacks,
    )
    trainer.train()
    answer(
        TASK,
        meter,
        lambda texts: classes_of(model, texts),
        examples=len(texts) * TASK.epochs,
        packages=("torch", "transformers"),
    )


if __name__ == "__main__":
    main()
