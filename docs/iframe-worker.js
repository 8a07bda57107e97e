// Browsers refuse workers that come from a file. There the search runs in a hidden frame instead, with the same messages.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.worker = this;
      frame.srcdoc =
        "<script>self.postMessage = data => frameElement.worker.dispatchEvent(new MessageEvent('message', {data}))" +
        `</script><script src="${url}"></script>`;
      this.frame = new Promise(resolve => frame.addEventListener("load", () => resolve(frame.contentWindow)));
      document.body.append(frame);
    }

    postMessage(data) {
      this.frame.then(target => target.dispatchEvent(new MessageEvent("message", {data})));
    }
  };
}
